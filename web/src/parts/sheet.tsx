import type { ComponentChildren } from "preact";
import { useEffect, useId, useRef } from "preact/hooks";
import { t } from "../words/words.ts";
import { Button, IconButton } from "./button.tsx";

export interface SheetProps {
  readonly title: string;
  readonly onClose: () => void;
  readonly children: ComponentChildren;
}

/**
 * A dialog that comes up from the bottom, in the middle on wide screens. Render it to open it, and leave it out to close
 * it: the browser keeps the focus inside and gives it back. Escape, a tap beside it and its cross call `onClose`.
 */
export function Sheet({ title, onClose, children }: SheetProps) {
  const dialog = useRef<HTMLDialogElement>(null);
  const id = useId();
  useEffect(() => {
    const shown = dialog.current;
    shown?.showModal();
    return () => {
      shown?.close();
    };
  }, []);
  return (
    <dialog
      ref={dialog}
      class="sheet"
      aria-labelledby={id}
      onCancel={(event) => {
        event.preventDefault();
        onClose();
      }}
      onClick={(event) => {
        if (event.target === dialog.current) onClose();
      }}
    >
      <div class="sheet-inside">
        <header>
          <h2 id={id}>{title}</h2>
          <IconButton icon="close" label={t("app.close")} onClick={onClose} />
        </header>
        {children}
      </div>
    </dialog>
  );
}

/** Asks before what cannot be undone. */
export function ConfirmSheet(props: {
  readonly title: string;
  readonly confirmLabel: string;
  readonly isBusy?: boolean;
  readonly onConfirm: () => void;
  readonly onClose: () => void;
  readonly children: ComponentChildren;
}) {
  return (
    <Sheet title={props.title} onClose={props.onClose}>
      <div class="prose">{props.children}</div>
      <div class="stack">
        <Button kind="danger" isWide isBusy={props.isBusy ?? false} onClick={props.onConfirm}>
          {props.confirmLabel}
        </Button>
        <Button isWide onClick={props.onClose}>
          {t("app.cancel")}
        </Button>
      </div>
    </Sheet>
  );
}
