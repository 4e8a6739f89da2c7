"""Runs the shim: ``python -S -P -m dispatcher.shim`` with one end of a socket as standard input."""

from dispatcher.shim.program import main

if __name__ == "__main__":
    main()
