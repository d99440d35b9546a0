import { useState } from "preact/hooks";
import { Notice } from "../parts/notice.tsx";
import { t } from "../words/words.ts";

export interface Act {
  readonly isBusy: boolean;
  readonly hasFailed: boolean;
  readonly run: (act: () => Promise<unknown>) => void;
}

/**
 * Does what a screen is asked to and tells it how that goes: whoever runs something shows `Failed`, or says more. Several
 * may run at once; that one has failed stays told until something else is begun.
 */
export function useAct(): Act {
  const [running, setRunning] = useState(0);
  const [hasFailed, setFailed] = useState(false);
  const run = async (act: () => Promise<unknown>): Promise<void> => {
    setRunning((others) => others + 1);
    setFailed(false);
    try {
      await act();
    } catch {
      setFailed(true);
    } finally {
      setRunning((all) => all - 1);
    }
  };
  return {
    isBusy: running > 0,
    hasFailed,
    run: (act) => void run(act),
  };
}

/** That what was tried last did not work. */
export function Failed({ act }: { readonly act: Act }) {
  return (
    <div role="alert" class="failed">
      {act.hasFailed && <Notice kind="problem">{t("app.failed")}</Notice>}
    </div>
  );
}
