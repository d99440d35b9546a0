import { useState } from "preact/hooks";
import { correct, CORRECTION_REASONS } from "../../contributions/photos.ts";
import type { Answer } from "../../phone/phone.ts";
import type { Correction } from "../../storage/tables.ts";
import { Button, LinkButton } from "../../parts/button.tsx";
import { Chips } from "../../parts/choices.tsx";
import { announce } from "../../parts/live_region.tsx";
import { Sheet } from "../../parts/sheet.tsx";
import { addressOf } from "../../router.ts";
import { t } from "../../words/words.ts";
import { Failed, useAct } from "../act.tsx";
import { nameOf } from "../label_name.ts";
import { LabelChoices } from "./label_choices.tsx";
import { byLikelihood } from "./shown.ts";

const LIKELY = 3;

/** One tap says what it is, which is kept at once; the reason may follow, and need not. */
export function CorrectSheet(props: {
  readonly id: string;
  readonly answer: Answer;
  /** What is the answer now, which need not be offered. */
  readonly label: string;
  readonly onClose: () => void;
}) {
  const [chosen, setChosen] = useState<Correction | null>(null);
  const keeping = useAct();
  const say = (correction: Correction) => {
    keeping.run(async () => {
      await correct(props.id, correction.label, correction.reason);
      setChosen(correction);
      announce(t("correct.thanks.why", { label: nameOf(correction.label) }));
    });
  };
  const title = t(chosen === null ? "correct.title" : "correct.thanks");
  return (
    <Sheet title={title} onClose={props.onClose}>
      {chosen === null ? (
        <Labels
          answer={props.answer}
          without={props.label}
          onChoose={(label) => {
            say({ label, reason: null });
          }}
        />
      ) : (
        <Reason correction={chosen} onChange={say} onDone={props.onClose} />
      )}
      <Failed act={keeping} />
    </Sheet>
  );
}

function Labels(props: {
  readonly answer: Answer;
  readonly without: string;
  readonly onChoose: (label: string) => void;
}) {
  const labels = byLikelihood(props.answer)
    .map((each) => each.label)
    .filter((label) => label !== props.without);
  const others = labels.slice(LIKELY).sort((one, other) => nameOf(one).localeCompare(nameOf(other)));
  return (
    <>
      <LabelChoices title={t("correct.likely")} labels={labels.slice(0, LIKELY)} onChoose={props.onChoose} />
      {others.length > 0 && <LabelChoices title={t("correct.all")} labels={others} onChoose={props.onChoose} />}
      <LinkButton href={addressOf("search")} icon="search" isWide>
        {t("correct.search")}
      </LinkButton>
    </>
  );
}

function Reason(props: {
  readonly correction: Correction;
  readonly onChange: (correction: Correction) => void;
  readonly onDone: () => void;
}) {
  const { label, reason } = props.correction;
  return (
    <>
      <p>{t("correct.thanks.why", { label: nameOf(label) })}</p>
      <p id="why">{t("correct.reason")}</p>
      <Chips
        label={t("correct.reason")}
        options={CORRECTION_REASONS.map((each) => ({ value: each, label: t(`reason.${each}`) }))}
        value={reason}
        onChange={(chosen) => {
          props.onChange({ label, reason: chosen });
        }}
      />
      <Button kind="main" isWide onClick={props.onDone}>
        {t("app.done")}
      </Button>
    </>
  );
}
