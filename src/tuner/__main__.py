"""The program: `tuner`, and `python -m tuner`."""

from __future__ import annotations

from tuner.process import begin, end


def main() -> None:
    """Runs the command line."""
    begin()
    code: object = None
    try:
        from tuner.cli import main as run

        run()
    except SystemExit as ended:
        code = ended.code
        raise
    finally:
        end(code)


if __name__ == "__main__":
    main()
