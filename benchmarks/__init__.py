"""What `bin/bench` measures; each module but the shared ones is one benchmark."""
