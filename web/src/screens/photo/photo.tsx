import type { ComponentChildren } from "preact";
import { useEffect } from "preact/hooks";
import { isGuideRead, ownPhotos } from "../../app_state.ts";
import { markSeen, type OwnPhoto } from "../../contributions/photos.ts";
import { LinkButton } from "../../parts/button.tsx";
import { Card } from "../../parts/card.tsx";
import { EmptyState } from "../../parts/empty_state.tsx";
import { Icon } from "../../parts/icon.tsx";
import { Notice } from "../../parts/notice.tsx";
import { Picture } from "../../parts/picture.tsx";
import { BlankScreen, Screen } from "../../parts/screen.tsx";
import { addressOf } from "../../router.ts";
import { dayAndTime, percent } from "../../words/formats.ts";
import { t } from "../../words/words.ts";
import { nameOf } from "../label_name.ts";
import { titleOf } from "../photo_title.ts";
import { isNews } from "../mine/became.ts";
import { Consent } from "./consent.tsx";
import { problemWords } from "./problem_words.ts";
import { Removal } from "./removal.tsx";
import { storyOf } from "./story.ts";

/** One of the resident's own photos: what was said about it, what became of it, and who may use it. */
export function Photo({ id }: { readonly id: string }) {
  const photos = isGuideRead.value ? ownPhotos.value : null; // Its names for things are those to begin with.
  if (photos === null) return <BlankScreen />;
  const photo = photos.find((each) => each.id === id);
  if (photo !== undefined) return <Kept photo={photo} />;
  return (
    <Screen title={t("mine.title")} back={addressOf("mine")}>
      <EmptyState icon="picture" title={t("photo.gone")}>
        {t("photo.gone.why")}
      </EmptyState>
    </Screen>
  );
}

function Kept({ photo }: { readonly photo: OwnPhoto }) {
  const isNew = isNews(photo);
  useEffect(() => {
    if (isNew) void markSeen(photo.id);
  }, [isNew, photo.id]);
  const isWithdrawn = photo.state === "withdrawn";
  return (
    <Screen title={titleOf(photo)} back={addressOf("mine")} kind="broad">
      <div class="columns">
        <div class="stack">
          <Picture
            blob={photo.photo ?? photo.thumbnail}
            alt={t("photo.picture", { label: nameOf(photo.answer.bestLabel) })}
            kind="large"
          />
          {!isWithdrawn && <Said photo={photo} />}
        </div>
        <div class="stack">
          <Story photo={photo} />
          {!isWithdrawn && <Sharing photo={photo} />}
          <Removal photo={photo} />
        </div>
      </div>
    </Screen>
  );
}

function Said({ photo }: { readonly photo: OwnPhoto }) {
  const { answer, correction, isConfirmed, note, choice } = photo;
  const best = nameOf(answer.bestLabel);
  const share = percent(answer.scores[answer.bestLabel] ?? 0);
  const own =
    correction === null ? t(isConfirmed ? "photo.you_said.right" : "photo.you_said.nothing") : nameOf(correction.label);
  return (
    <Card>
      <dl class="said">
        <Saying who={t("photo.said")}>
          {answer.label === "unsure" ? t("photo.said.unsure", { label: best }) : best}
          <span class="hint">{t("photo.said.by", { share, release: answer.release })}</span>
        </Saying>
        <Saying who={t("photo.you_said")}>{own}</Saying>
        {note !== null && <Saying who={t("photo.note")}>{note}</Saying>}
        {choice.sends && (
          <Saying who={t("photo.place")}>
            {choice.place ?? t(`share.place.${choice.location === null ? "none" : choice.precision}`)}
          </Saying>
        )}
      </dl>
      <LinkButton href={addressOf("answer", photo.id)}>
        {t(correction === null && !isConfirmed ? "photo.say" : "photo.correct")}
      </LinkButton>
    </Card>
  );
}

function Saying({ who, children }: { readonly who: string; readonly children: ComponentChildren }) {
  return (
    <div>
      <dt>{who}</dt>
      <dd>{children}</dd>
    </div>
  );
}

function Story({ photo }: { readonly photo: OwnPhoto }) {
  return (
    <Card title={t("photo.story")}>
      <ol class="story">
        {storyOf(photo, nameOf).map((event, place) => (
          <li key={place} class={event.tone}>
            <span class="story-icon">
              <Icon name={event.icon} size={1.125} />
            </span>
            <span>
              {event.words}
              {event.at !== null && <span class="hint">{dayAndTime(event.at)}</span>}
            </span>
          </li>
        ))}
      </ol>
      {photo.problem !== null && <Notice kind="problem">{problemWords(photo.problem)}</Notice>}
    </Card>
  );
}

/** Whoever has sent it decides who may use it; whoever has not, whether to send it. */
function Sharing({ photo }: { readonly photo: OwnPhoto }) {
  if (photo.state === "only_here" || photo.state === "refused") {
    return (
      <LinkButton href={addressOf("share", photo.id)} kind="main" icon="send" isWide>
        {t(photo.state === "refused" ? "photo.try_again" : "photo.send")}
      </LinkButton>
    );
  }
  return <Consent photo={photo} />;
}
