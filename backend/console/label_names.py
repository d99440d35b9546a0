"""What labels are called.

Guarantees: those that come with the program have a name in the reader's language; those of a city are called as it
wrote them.
"""

from backend.console.language import Language
from backend.console.pages import _
from mobile_models.label_set import LabelSet

_LABELS = (_("Cardboard"), _("Glass"), _("Metal"), _("Paper"), _("Plastic"), _("Trash"))
"""Those that come with the program, for the catalogues."""


def of(language: Language, labels: LabelSet) -> dict[str, str]:
    """Return the name of each label by its id, in their order."""
    return {label.id: language.texts.gettext(label.name) for label in labels.labels}
