"""The program: `tuner`, and `python -m tuner`."""

from __future__ import annotations

from tuner.process import begin, end


def main() -> None:
    """Runs the command line."""
    begin()
    try:
        from tuner.cli import main as run

        run()
    finally:
        end()


if __name__ == "__main__":
    main()
