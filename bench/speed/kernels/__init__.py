"""Each kernel alone: ``recorder.py`` takes its arguments on the real path, ``bench_kernels.py`` times it on them."""
