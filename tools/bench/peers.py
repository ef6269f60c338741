"""The virtual environment of the compared clients: aiobotocore needs another botocore than the feed."""

from pathlib import Path

from tools.environments import python_with

REQUIREMENTS = Path(__file__).parent / "requirements.txt"


def peers_python() -> Path:
    """Return that environment's Python, and make the environment first where that is needed.

    Raises:
        RuntimeError: uv could not install the clients; the text holds uv's output.
    """
    return python_with("bench", REQUIREMENTS)
