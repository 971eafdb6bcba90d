"""Short forms and English names of regions that people write and no library lists: word and code by turns.

American forms are those of the AP style and the older postal service; words as router/spelling.py compares them.
"""

from __future__ import annotations

SHORT: dict[str, str] = {
    "AT": "loweraustria 3 upperaustria 4 carinthia 2",
    "AU": "westaus WA southaus SA canberra ACT",
    "BE": "flanders VLG brussels BRU antwerp VAN eastflanders VOV westflanders VWV",
    "CA": "alta AB man MB ont ON que QC pq QC qu QC sask SK nfld NL nf NL lab NL nwt NT pei PE yuk YT",
    "CH": "geneva GE",
    "DE": """nrw NW meckpomm MV bawue BW lowersaxony NI saxony SN saxonyanhalt ST thuringia TH rhinelandpalatinate RP
        northrhinewestphalia NW mecklenburgwesternpomerania MV""",
    "ES": "catalonia CT canaryislands CN balearicislands IB basquecountry PV navarre NC castileandleon CL",
    "FR": "75 75C paris 75C idf IDF paca PAC brittany BRE normandy NOR burgundy BFC",
    "GB": "eng ENG scot SCT ni NIR ulster NIR",
    "IT": "lombardy 25 tuscany 52 sicily 82 sardinia 88 piedmont 21 apulia 75 latium 62 umbria 55 venetia 34",
    "MX": "cdmx CMX df CMX distritofederal CMX edomex MEX estadodemexico MEX",
    "NL": "northholland NH southholland ZH northbrabant NB friesland FR zealand ZE",
    "PL": "mazovia 14 masovian 14 silesia 24 lesserpoland 12 greaterpoland 30 pomerania 22",
    "US": """ala AL alas AK ariz AZ ark AR cal CA calif CA colo CO conn CT del DE washingtondc DC fla FL haw HI ida ID
        ill IL ind IN kan KS kans KS ken KY mass MA mich MI minn MN miss MS mont MT neb NE nebr NE nev NV nmex NM
        newm NM ndak ND okla OK ore OR oreg OR penn PA penna PA sdak SD tenn TN tex TX wash WA wva WV wis WI wisc WI
        wyo WY""",
}
