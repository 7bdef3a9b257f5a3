"""Multi-view image datasets: the batch contract, the HDF5 format, readers and recipes.

The LightningDataModule is imported from `nr3d.data.datamodule`, so that recipes and readers do not
load Lightning.
"""

from nr3d.data.batch import MultiViewBatch
from nr3d.data.multiview import MultiViewDataset

__all__ = ["MultiViewBatch", "MultiViewDataset"]
