"""What the commands do: configuration -> objects -> work -> files."""

from nr3d.commands.evaluation import evaluate
from nr3d.commands.reconstruction import reconstruct
from nr3d.commands.training import print_config, train

__all__ = ["evaluate", "print_config", "reconstruct", "train"]
