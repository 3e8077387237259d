"""The epochs of a run so far, whoever writes them down, and what follows from them: which is best, whether to go on."""

from __future__ import annotations

from tuner.config.settings import Config
from tuner.monitor import best_index, epochs_waited, oriented
from tuner.runs.files import Row


class History:
    """The rows of metrics.csv."""

    def __init__(self, config: Config) -> None:
        training = config.training
        self.monitor, self.epochs = training.monitor, min(training.epochs, training.stop_after or training.epochs)
        self.stopping = config.early_stopping
        self.rows: list[Row] = []

    @property
    def monitored(self) -> tuple[float, ...]:
        """The monitor of each epoch, smaller being better."""
        return oriented(self.rows, self.monitor)

    @property
    def best(self) -> Row | None:
        """The epoch whose weights are kept; None where the monitor was never finite."""
        at = best_index(self.rows, self.monitor)
        return None if at is None else self.rows[at]

    def would_lead(self, row: Row) -> bool:
        """Whether `row` is the best when it is added."""
        return best_index([*self.rows, row], self.monitor) == len(self.rows)

    def reason_to_end(self) -> str | None:
        """Why training is over, or None."""
        stopping, epochs = self.stopping, self.epochs
        if stopping and epochs_waited(self.monitored, stopping.min_delta) >= stopping.patience:
            by = f" by more than {stopping.min_delta:g}" if stopping.min_delta else ""
            plural = "s" if stopping.patience > 1 else ""
            return f"early stopping: {self.monitor} not better{by} for {stopping.patience} epoch{plural}"
        if len(self.rows) >= epochs:
            return f"all {epochs} epochs done" if epochs > 1 else "its one epoch done"
        return None
