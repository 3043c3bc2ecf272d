"""`python -m app` is `giclab`."""

from app.cli import main

if __name__ == "__main__":
    main()
