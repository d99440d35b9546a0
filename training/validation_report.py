"""`validation.json`: the float model of a finished fit on the validation split, which is all that tuning may look at.

Guarantees: nothing in it comes from the holdout. No Keras here: who compares many runs reads this module.
"""

from pydantic import Field

from mobile_models.document import Document
from mobile_models.evaluation import ClassMetrics


class ValidationReport(Document):
    accuracy: float = Field(ge=0, le=1)
    per_class: dict[str, ClassMetrics]

    @property
    def worst_precision(self) -> float:
        return min(metrics.precision for metrics in self.per_class.values())

    @property
    def worst_recall(self) -> float:
        return min(metrics.recall for metrics in self.per_class.values())

    def describe(self) -> str:
        return (
            f"validation accuracy {self.accuracy:.4f}, worst precision {self.worst_precision:.3f}, "
            f"worst recall {self.worst_recall:.3f}"
        )
