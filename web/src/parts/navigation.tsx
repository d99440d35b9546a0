import { t } from "../words/words.ts";
import { Icon, type IconName } from "./icon.tsx";

export interface Destination {
  readonly href: string;
  readonly icon: IconName;
  readonly label: string;
  readonly isCurrent: boolean;
}

/** At the bottom on phones, on the left on wide screens. */
export function Navigation({ destinations }: { readonly destinations: readonly Destination[] }) {
  return (
    <nav class="navigation" aria-label={t("app.navigation")}>
      <span class="brand">
        <img src="/app/icons/icon.svg" alt="" width="32" height="32" />
        {t("app.name")}
      </span>
      <ul>
        {destinations.map((each) => (
          <li key={each.href}>
            <a href={each.href} aria-current={each.isCurrent ? "page" : undefined}>
              <span class="navigation-icon">
                <Icon name={each.icon} />
              </span>
              <span>{each.label}</span>
            </a>
          </li>
        ))}
      </ul>
    </nav>
  );
}
