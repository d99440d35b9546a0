import { answer } from "./zh/answer.ts";
import { camera } from "./zh/camera.ts";
import { mine } from "./zh/mine.ts";
import { modelInfo } from "./zh/model_info.ts";
import { photo } from "./zh/photo.ts";
import { privacy } from "./zh/privacy.ts";
import { search } from "./zh/search.ts";
import { settings } from "./zh/settings.ts";
import { share } from "./zh/share.ts";
import { shell } from "./zh/shell.ts";
import { welcome } from "./zh/welcome.ts";
import type { Catalogue } from "./words.ts";

export const zh: Catalogue = {
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
};
