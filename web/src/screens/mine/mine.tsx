import { useEffect, useState } from "preact/hooks";
import { isGuideRead, ownPhotos } from "../../app_state.ts";
import { type OwnPhoto, refreshFates, sendNow, tallyOf } from "../../contributions/photos.ts";
import { Button, LinkButton } from "../../parts/button.tsx";
import { EmptyState } from "../../parts/empty_state.tsx";
import { Icon } from "../../parts/icon.tsx";
import { Notice } from "../../parts/notice.tsx";
import { Picture } from "../../parts/picture.tsx";
import { BlankScreen, Screen } from "../../parts/screen.tsx";
import { addressOf } from "../../router.ts";
import { day } from "../../words/formats.ts";
import { t } from "../../words/words.ts";
import { Failed, useAct } from "../act.tsx";
import { nameOf } from "../label_name.ts";
import { titleOf } from "../photo_title.ts";
import { becameOf, isNews } from "./became.ts";
import { hindrance } from "./hindrance.ts";

/** The resident's own photos, the newest first, each with what became of it. */
export function Mine() {
  const photos = isGuideRead.value ? ownPhotos.value : null; // Its names for things are those to begin with.
  const mayBeOld = useNewestFates();
  if (photos === null) return <BlankScreen />;
  if (photos.length === 0) return <None />;
  return (
    <Screen title={t("mine.title")} kind="broad">
      <Tally photos={photos} />
      <Waiting photos={photos} />
      {mayBeOld && (
        <Notice kind="info" icon="offline">
          {t("mine.may_be_old")}
        </Notice>
      )}
      <ul class="own-photos">
        {photos.map((photo) => (
          <li key={photo.id}>
            <Line photo={photo} />
          </li>
        ))}
      </ul>
    </Screen>
  );
}

/** Asks once, when the screen is opened. Whether nobody answered. */
function useNewestFates(): boolean {
  const [isUnanswered, setUnanswered] = useState(false);
  useEffect(() => {
    void refreshFates().then((isAnswered) => {
      setUnanswered(!isAnswered);
    });
  }, []);
  return isUnanswered;
}

function None() {
  return (
    <Screen title={t("mine.title")}>
      <EmptyState
        icon="pictures"
        title={t("mine.empty")}
        action={
          <LinkButton href={addressOf("camera")} kind="main" icon="camera">
            {t("mine.take")}
          </LinkButton>
        }
      >
        {t("mine.empty.why")}
      </EmptyState>
    </Screen>
  );
}

/** Only what was accepted counts, and nobody is compared with anybody. */
function Tally({ photos }: { readonly photos: readonly OwnPhoto[] }) {
  const { accepted, learned } = tallyOf(photos);
  if (accepted === 0) return null;
  return (
    <p class="tally">
      <Icon name="check" size={1.25} />
      <span>
        {t("mine.tally", { n: accepted })}
        {learned > 0 && ` · ${t("mine.tally.learned", { n: learned })}`}
      </span>
    </p>
  );
}

function Waiting({ photos }: { readonly photos: readonly OwnPhoto[] }) {
  const sending = useAct();
  const waiting = photos.filter(({ state }) => state === "waiting").length;
  if (waiting === 0) return null;
  const held = hindrance();
  return (
    <Notice
      kind="info"
      icon={held === "wifi" ? "wifi" : held === "network" ? "offline" : "clock"}
      title={t("mine.waiting", { n: waiting })}
      action={
        held !== "network" && (
          <Button
            icon="send"
            isBusy={sending.isBusy}
            onClick={() => {
              sending.run(() => sendNow(true));
            }}
          >
            {t("mine.send_now")}
          </Button>
        )
      }
    >
      {held === "network" && t("mine.waiting.no_network")}
      {held === "wifi" && t("mine.waiting.no_wifi")}
      <Failed act={sending} />
    </Notice>
  );
}

function Line({ photo }: { readonly photo: OwnPhoto }) {
  const became = becameOf(photo, hindrance(), nameOf);
  return (
    <a class="own-photo" href={addressOf("photo", photo.id)}>
      <Picture blob={photo.thumbnail} alt="" />
      <span class="own-photo-words">
        <span class="own-photo-title">
          <strong>{titleOf(photo)}</strong>
          {isNews(photo) && <span class="new">{t("mine.new")}</span>}
        </span>
        <span class={`became ${became.tone}`}>
          <Icon name={became.icon} size={1.125} />
          {became.words}
        </span>
        <span class="hint">{day(new Date(photo.takenAt))}</span>
      </span>
      <Icon name="next" size={1.25} />
    </a>
  );
}
