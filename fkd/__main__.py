"""python -m fkd COMMAND."""

from fkd.cli.commands import main

if __name__ == "__main__":
    main()
