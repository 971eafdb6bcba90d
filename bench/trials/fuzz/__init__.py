"""Coverage-guided fuzzing of everything that reads bytes from outside.

A target is one file: ``examples()`` are the inputs it starts from, ``examine()`` gives the function that takes one
input and stops with an assertion where a promise is broken. ``campaign`` runs targets side by side, each in processes
of its own; ``worker`` is such a process; ``corpus_files`` writes the examples into the repository.
"""
