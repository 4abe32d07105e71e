"""Set-up and serving of the attendance suite; needs Python 3.11 and nothing else."""
