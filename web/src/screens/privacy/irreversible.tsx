import { useState } from "preact/hooks";
import { Button } from "../../parts/button.tsx";
import { Card } from "../../parts/card.tsx";
import { announce } from "../../parts/live_region.tsx";
import { ConfirmSheet } from "../../parts/sheet.tsx";
import { Failed, useAct } from "../act.tsx";

/** Something that cannot be undone: says what it does, asks before it does it, and tells when it is done. */
export function Irreversible(props: {
  readonly title: string;
  readonly why: string;
  readonly question: string;
  readonly consequences: string;
  readonly confirmLabel: string;
  readonly act: () => Promise<void>;
  readonly done: () => string;
}) {
  const [isAsked, setAsked] = useState(false);
  const acting = useAct();
  const act = async () => {
    await props.act();
    setAsked(false);
    announce(props.done());
  };
  return (
    <Card title={props.title}>
      <p class="hint">{props.why}</p>
      <Button
        onClick={() => {
          setAsked(true);
        }}
      >
        {props.title}
      </Button>
      {isAsked && (
        <ConfirmSheet
          title={props.question}
          confirmLabel={props.confirmLabel}
          isBusy={acting.isBusy}
          onConfirm={() => {
            acting.run(act);
          }}
          onClose={() => {
            setAsked(false);
          }}
        >
          <p>{props.consequences}</p>
          <Failed act={acting} />
        </ConfirmSheet>
      )}
    </Card>
  );
}
