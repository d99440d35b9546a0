import type { RefObject } from "preact";
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { isOnline, ownPhotos, settings } from "../../app_state.ts";
import { propose } from "../../contributions/faces.ts";
import { type OwnPhoto, share } from "../../contributions/photos.ts";
import type { Region } from "../../contributions/pictures.ts";
import type { Precision } from "../../storage/tables.ts";
import { Button, LinkButton } from "../../parts/button.tsx";
import { Card } from "../../parts/card.tsx";
import { Segmented } from "../../parts/choices.tsx";
import { EmptyState } from "../../parts/empty_state.tsx";
import { Icon, type IconName } from "../../parts/icon.tsx";
import { announce } from "../../parts/live_region.tsx";
import { Screen } from "../../parts/screen.tsx";
import { addressOf, go } from "../../router.ts";
import { t } from "../../words/words.ts";
import { Failed, useAct } from "../act.tsx";
import { MayUse } from "../may_use.tsx";
import { CoverEditor } from "./cover_editor.tsx";
import { isSamePlace, position } from "./position.ts";

const PRECISIONS = ["exact", "street", "district", "none"] as const satisfies readonly Precision[];
const LONGEST_NOTE = 500;

/** What of a photo goes to the city, and for what. Nothing is sent but by the button of this screen. */
export function Share({ id }: { readonly id: string }) {
  const photo = ownPhotos.value?.find((each) => each.id === id);
  if (photo?.photo && (photo.state === "only_here" || photo.state === "refused")) {
    return <Sharing own={photo} photo={photo.photo} />;
  }
  return (
    <Screen title={t("share.title")} back={addressOf("answer", id)}>
      {ownPhotos.value !== null && (
        <EmptyState
          icon="send"
          title={t("share.not_sendable")}
          action={<LinkButton href={addressOf("mine")}>{t("nav.mine")}</LinkButton>}
        />
      )}
    </Screen>
  );
}

function Sharing({ own, photo }: { readonly own: OwnPhoto; readonly photo: Blob }) {
  const [seen] = useState(photo); // Photos are read anew at each change of any; covers stay on the one that was seen.
  const [hasPlace] = useState(() => isSamePlace(own.takenAt, Date.now()));
  const [uses, setUses] = useState({
    allowsReview: settings.value.allowsReview,
    allowsTraining: settings.value.allowsTraining,
  });
  const [precision, setPrecision] = useState<Precision>(settings.value.precision);
  const [covers, setCovers] = useState<readonly Region[]>([]);
  const [note, setNote] = useState("");
  const sending = useAct();
  const shownRef = useNewest({ uses, precision, covers, note });
  useEffect(() => {
    // Where a browser fails at it, the resident covers by hand, as everywhere where it has no eye for faces.
    const add = (faces: readonly Region[]) => {
      setCovers((drawnMeanwhile) => [...drawnMeanwhile, ...faces]);
    };
    propose(seen).then(add, () => undefined);
  }, [seen]);

  const send = async () => {
    const location = hasPlace ? await position(precision) : null;
    const chosen = shownRef.current; // To find the place takes a while, in which more may be covered, or all be left.
    if (chosen === null) return;
    await share(
      own.id,
      { ...chosen.uses, sends: true, precision: location === null ? "none" : chosen.precision, location, place: null },
      chosen.covers,
      chosen.note,
    );
    const sent = t(isOnline.value ? "share.sent" : "share.sent_later");
    const isPlaceMissing = hasPlace && chosen.precision !== "none" && location === null;
    announce(isPlaceMissing ? `${sent} ${t("share.place.denied")}` : sent);
    go(addressOf("photo", own.id), { replace: true });
  };
  return (
    <Screen
      title={t("share.title")}
      back={addressOf("answer", own.id)}
      kind="share"
      actions={
        <>
          <LinkButton href={addressOf("answer", own.id)}>{t("share.keep")}</LinkButton>
          <Button
            kind="main"
            icon="send"
            isBusy={sending.isBusy}
            onClick={() => {
              sending.run(send);
            }}
          >
            {t("share.send")}
          </Button>
        </>
      }
    >
      <div class="share-columns">
        <CoverEditor photo={seen} covers={covers} onChange={setCovers} />
        <div class="stack">
          <WhatIsSent hasPlace={hasPlace && precision !== "none"} />
          <Card title={t("share.who")}>
            <MayUse
              choice={uses}
              onChange={(change) => {
                setUses((before) => ({ ...before, ...change }));
              }}
            />
          </Card>
          <Card>
            {hasPlace ? (
              <Segmented
                legend={t("share.place")}
                options={PRECISIONS.map((each) => ({
                  value: each,
                  label: t(`share.place.${each}`),
                  hint: t(`share.place.why.${each}`),
                }))}
                value={precision}
                onChange={setPrecision}
              />
            ) : (
              <p>{t("share.place.old")}</p>
            )}
          </Card>
          <Card>
            <label class="field">
              <span>{t("share.note")}</span>
              <textarea
                rows={2}
                maxLength={LONGEST_NOTE}
                value={note}
                onInput={(event) => {
                  setNote(event.currentTarget.value);
                }}
              />
            </label>
          </Card>
          <Failed act={sending} />
        </div>
      </div>
    </Screen>
  );
}

/** What the screen shows now, for whoever comes back to it; null once it was left. */
function useNewest<Value>(shown: Value): RefObject<Value | null> {
  const newestRef = useRef<Value | null>(null);
  useLayoutEffect(() => {
    newestRef.current = shown;
    return () => {
      newestRef.current = null;
    };
  });
  return newestRef;
}

function WhatIsSent({ hasPlace }: { readonly hasPlace: boolean }) {
  return (
    <Card title={t("share.what")}>
      <ul class="what">
        <What icon="picture">{t("share.what.photo")}</What>
        <What icon="model">{t("share.what.answer")}</What>
        {hasPlace && <What icon="place">{t("share.what.place")}</What>}
      </ul>
    </Card>
  );
}

function What({ icon, children }: { readonly icon: IconName; readonly children: string }) {
  return (
    <li>
      <Icon name={icon} />
      <span>{children}</span>
    </li>
  );
}
