import { useEffect, useErrorBoundary, useRef } from "preact/hooks";
import { settings } from "./app_state.ts";
import { addressOf, route } from "./router.ts";
import { Button, LinkButton } from "./parts/button.tsx";
import { EmptyState } from "./parts/empty_state.tsx";
import type { IconName } from "./parts/icon.tsx";
import { announce, LiveRegion } from "./parts/live_region.tsx";
import { Navigation } from "./parts/navigation.tsx";
import { Screen } from "./parts/screen.tsx";
import type { Route } from "./router.ts";
import { Answer } from "./screens/answer/answer.tsx";
import { Camera } from "./screens/camera/camera.tsx";
import { Mine } from "./screens/mine/mine.tsx";
import { Model } from "./screens/model/model.tsx";
import { Photo } from "./screens/photo/photo.tsx";
import { Privacy } from "./screens/privacy/privacy.tsx";
import { BinContents } from "./screens/search/bin.tsx";
import { Search } from "./screens/search/search.tsx";
import { Settings } from "./screens/settings/settings.tsx";
import { Share } from "./screens/share/share.tsx";
import { currentStatus, type Status, StatusStrip } from "./screens/status_strip.tsx";
import { Welcome } from "./screens/welcome/welcome.tsx";
import { t } from "./words/words.ts";

/** The places that the navigation leads to, each with the screens that belong to it. */
const PLACES = [
  { screen: "camera", icon: "camera", holds: ["camera", "answer", "share"] },
  { screen: "search", icon: "search", holds: ["search", "bin"] },
  { screen: "mine", icon: "pictures", holds: ["mine", "photo"] },
  { screen: "settings", icon: "settings", holds: ["settings", "privacy", "model"] },
] as const satisfies readonly {
  readonly screen: Route["screen"];
  readonly icon: IconName;
  readonly holds: readonly Route["screen"][];
}[];

export function App() {
  const here = route.value;
  const status = currentStatus();
  useSaid(status);
  const classes = [
    "app",
    ...(settings.value.isWelcomed ? [] : ["bare"]),
    ...(status === null ? [] : ["with-status"]),
  ].join(" ");
  return (
    <div class={classes}>
      <a class="skip" href="#content">
        {t("app.skip")}
      </a>
      <Guarded key={JSON.stringify(here)} />
      {settings.value.isWelcomed && (
        <Navigation
          destinations={PLACES.map(({ screen, icon, holds }) => ({
            href: addressOf(screen),
            icon,
            label: t(`nav.${screen}`),
            isCurrent: holds.some((each) => each === here.screen),
          }))}
        />
      )}
      {status !== null && <StatusStrip status={status} />}
      <LiveRegion />
    </div>
  );
}

/** Lets screen readers say what has changed about the whole app. */
function useSaid(status: Status | null) {
  const beforeRef = useRef<Status | null>(null);
  useEffect(() => {
    if (status !== null) announce(t(`status.${status}`));
    else if (beforeRef.current === "offline") announce(t("status.online"));
    beforeRef.current = status;
  }, [status]);
}

/** A screen that breaks takes no other with it: the way to those stays. */
function Guarded() {
  const error: unknown = useErrorBoundary()[0];
  return error === undefined ? <CurrentScreen /> : <Broken />;
}

function CurrentScreen() {
  const here = route.value;
  if (!settings.value.isWelcomed) return <Welcome />;
  switch (here.screen) {
    case "camera":
      return <Camera />;
    case "answer":
      return <Answer id={here.id} />;
    case "share":
      return <Share id={here.id} />;
    case "search":
      return <Search />;
    case "bin":
      return <BinContents id={here.id} />;
    case "mine":
      return <Mine />;
    case "photo":
      return <Photo id={here.id} />;
    case "settings":
      return <Settings />;
    case "privacy":
      return <Privacy />;
    case "model":
      return <Model />;
    case "missing":
      return <Missing />;
  }
}

function Broken() {
  return (
    <Screen title={t("app.broken")} isHeadingHidden>
      <EmptyState
        icon="warning"
        title={t("app.broken")}
        action={
          <Button
            kind="main"
            icon="retry"
            onClick={() => {
              location.reload();
            }}
          >
            {t("app.reload")}
          </Button>
        }
      >
        {t("app.broken.why")}
      </EmptyState>
    </Screen>
  );
}

/** An address that leads nowhere. */
function Missing() {
  return (
    <Screen title={t("app.not_found")} isHeadingHidden>
      <EmptyState
        icon="question"
        title={t("app.not_found")}
        action={
          <LinkButton href={addressOf("camera")} kind="main" icon="camera">
            {t("app.go_to_camera")}
          </LinkButton>
        }
      >
        {t("app.not_found.why")}
      </EmptyState>
    </Screen>
  );
}
