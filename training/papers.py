"""What a paper reports for its own recipe, for the table that sets our figures beside it.

Guarantees: only figures that the paper prints, on the split that it names; what it leaves out is null.
"""

from pydantic import Field

from mobile_models.document import Document


class PaperResult(Document):
    """The result beside a recipe; `recipe.paper` finds it."""

    title: str
    accuracy: float = Field(gt=0, le=1)
    split: str = Field(description="which photos the figure was measured on, in the paper's words or near them")
    worst_precision: float | None = Field(default=None, gt=0, le=1, description="of the class where it is lowest")
    worst_recall: float | None = Field(default=None, gt=0, le=1, description="of the class where it is lowest")
    note: str = Field(default="", description="what makes the figure hard to compare with")
