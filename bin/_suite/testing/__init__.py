"""What `bin/test` does: plan the checks, run them two at a time, sum them honestly."""
