import { addressOf, route } from "./router.ts";
import { LinkButton } from "./parts/button.tsx";
import { EmptyState } from "./parts/empty_state.tsx";
import type { IconName } from "./parts/icon.tsx";
import { LiveRegion } from "./parts/live_region.tsx";
import { Navigation } from "./parts/navigation.tsx";
import { Screen } from "./parts/screen.tsx";
import type { Route } from "./router.ts";
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
  return (
    <div class="app">
      <a class="skip" href="#content">
        {t("app.skip")}
      </a>
      <div class="banner" />
      <CurrentScreen />
      <Navigation
        destinations={PLACES.map(({ screen, icon, holds }) => ({
          href: addressOf(screen),
          icon,
          label: t(`nav.${screen}`),
          isCurrent: holds.some((each) => each === here.screen),
        }))}
      />
      <LiveRegion />
    </div>
  );
}

function CurrentScreen() {
  const here = route.value;
  switch (here.screen) {
    case "camera":
    case "answer":
    case "share":
    case "search":
    case "bin":
    case "mine":
    case "photo":
    case "settings":
    case "privacy":
    case "model":
    case "missing":
      return <Missing />;
  }
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
