import { answer } from "./en/answer.ts";
import { camera } from "./en/camera.ts";
import { mine } from "./en/mine.ts";
import { modelInfo } from "./en/model_info.ts";
import { photo } from "./en/photo.ts";
import { privacy } from "./en/privacy.ts";
import { search } from "./en/search.ts";
import { settings } from "./en/settings.ts";
import { share } from "./en/share.ts";
import { shell } from "./en/shell.ts";
import { welcome } from "./en/welcome.ts";

/** English, which the others are translated from: one file for each screen. */
export const en = {
  ...shell,
  ...welcome,
  ...camera,
  ...answer,
  ...share,
  ...search,
  ...mine,
  ...photo,
  ...settings,
  ...privacy,
  ...modelInfo,
} as const;
