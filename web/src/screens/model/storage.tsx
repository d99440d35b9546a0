import { useEffect, useState } from "preact/hooks";
import { Card } from "../../parts/card.tsx";
import { bytes } from "../../words/formats.ts";
import { t } from "../../words/words.ts";

interface Room {
  readonly used: number | undefined;
  readonly available: number | undefined;
  readonly isKept: boolean;
}

/** How much the app keeps on this device, and whether the browser may clear it. */
export function Storage() {
  const room = useRoom();
  return (
    <Card title={t("model_info.storage")}>
      <p class="storage-words">{room !== null && <Words room={room} />}</p>
    </Card>
  );
}

function Words({ room: { used, available, isKept } }: { readonly room: Room }) {
  return (
    <>
      {used === undefined || available === undefined
        ? t("model_info.storage.unknown")
        : t("model_info.storage.used", { used: bytes(used), available: bytes(available) })}
      <span class="hint">{t(isKept ? "model_info.storage.kept" : "model_info.storage.may_go")}</span>
    </>
  );
}

function useRoom(): Room | null {
  const [room, setRoom] = useState<Room | null>(null);
  useEffect(() => {
    void Promise.all([navigator.storage.estimate(), navigator.storage.persisted()]).then(([estimate, isKept]) => {
      setRoom({ used: estimate.usage, available: estimate.quota, isKept });
    });
  }, []);
  return room;
}
