"""Name of the file with an Akida program."""

# The file in the folder of a program (`ResultPath.PROGRAM`). It has a module of its own, so that a
# new path of results does not make conversions for Akida run again.
PROGRAM_FILE = "model.fbz"
