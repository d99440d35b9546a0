import { useState } from "preact/hooks";
import { forget, type OwnPhoto, withdraw } from "../../contributions/photos.ts";
import { Button } from "../../parts/button.tsx";
import { announce } from "../../parts/live_region.tsx";
import { ConfirmSheet } from "../../parts/sheet.tsx";
import { addressOf, go } from "../../router.ts";
import { t } from "../../words/words.ts";
import { Failed, useAct } from "../act.tsx";

/** Deletes what is only here, and withdraws what may have reached the city; asks before. */
export function Removal({ photo }: { readonly photo: OwnPhoto }) {
  return photo.state === "withdrawn" ? <Clearing photo={photo} /> : <Asking photo={photo} />;
}

/** Nothing but its trace is left, and that until the city has been told. */
function Clearing({ photo }: { readonly photo: OwnPhoto }) {
  const clearing = useAct();
  if (photo.waiting.withdrawal) return <p class="hint">{t("privacy.told_later")}</p>;
  return (
    <>
      <Button
        icon="trash"
        kind="plain"
        onClick={() => {
          clearing.run(async () => {
            await forget(photo.id);
            go(addressOf("mine"), { replace: true });
          });
        }}
      >
        {t("photo.clear")}
      </Button>
      <Failed act={clearing} />
    </>
  );
}

function Asking({ photo }: { readonly photo: OwnPhoto }) {
  const [isAsked, setAsked] = useState(false);
  const removing = useAct();
  const isOnlyHere = photo.state === "only_here" || photo.state === "refused";
  const remove = async () => {
    await (isOnlyHere ? forget(photo.id) : withdraw(photo.id));
    announce(t(isOnlyHere ? "photo.gone.why" : "photo.story.withdrawn"));
    go(addressOf("mine"), { replace: true });
  };
  return (
    <>
      <Button
        icon="trash"
        kind="plain"
        onClick={() => {
          setAsked(true);
        }}
      >
        {t(isOnlyHere ? "photo.delete" : "photo.withdraw")}
      </Button>
      {isAsked && (
        <ConfirmSheet
          title={t(isOnlyHere ? "photo.delete.title" : "photo.withdraw.title")}
          confirmLabel={t(isOnlyHere ? "photo.delete" : "photo.withdraw")}
          isBusy={removing.isBusy}
          onConfirm={() => {
            removing.run(remove);
          }}
          onClose={() => {
            setAsked(false);
          }}
        >
          <p>{t(isOnlyHere ? "photo.delete.why" : "photo.withdraw.why")}</p>
          <Failed act={removing} />
        </ConfirmSheet>
      )}
    </>
  );
}
