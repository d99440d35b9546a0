import { useEffect, useState } from "preact/hooks";
import { exportAll } from "../../contributions/photos.ts";
import { Button } from "../../parts/button.tsx";
import { Card } from "../../parts/card.tsx";
import { Notice } from "../../parts/notice.tsx";
import { bytes } from "../../words/formats.ts";
import { t } from "../../words/words.ts";
import { useAct } from "../act.tsx";

/** Puts everything into one file, which the browser then saves where the resident wants it. */
export function Export() {
  const making = useAct();
  const [made, setMade] = useState<Blob | null>(null);
  const address = useAddress(made);
  return (
    <Card title={t("privacy.export")}>
      <p class="hint">{t("privacy.export.why")}</p>
      <div role="status" class="stack">
        {making.hasFailed && <Notice kind="problem">{t("privacy.export.failed")}</Notice>}
        {made !== null && address !== null && (
          <a class="button main" href={address} download="wastelens.zip">
            {t("privacy.export.save", { size: bytes(made.size) })}
          </a>
        )}
      </div>
      {made === null && (
        <Button
          icon="download"
          isBusy={making.isBusy}
          onClick={() => {
            making.run(async () => {
              setMade(await exportAll());
            });
          }}
        >
          {t(making.isBusy ? "privacy.export.busy" : "privacy.export")}
        </Button>
      )}
    </Card>
  );
}

function useAddress(blob: Blob | null): string | null {
  const [address, setAddress] = useState<string | null>(null);
  useEffect(() => {
    if (blob === null) return;
    const made = URL.createObjectURL(blob);
    setAddress(made);
    return () => {
      URL.revokeObjectURL(made);
    };
  }, [blob]);
  return address;
}
