"""Runs side by side: tables, curves and pictures of the same objects."""

from nr3d.report.comparison import compare_runs

__all__ = ["compare_runs"]
