import { answer } from "./vi/answer.ts";
import { camera } from "./vi/camera.ts";
import { mine } from "./vi/mine.ts";
import { modelInfo } from "./vi/model_info.ts";
import { photo } from "./vi/photo.ts";
import { privacy } from "./vi/privacy.ts";
import { search } from "./vi/search.ts";
import { settings } from "./vi/settings.ts";
import { share } from "./vi/share.ts";
import { shell } from "./vi/shell.ts";
import { welcome } from "./vi/welcome.ts";
import type { Catalogue } from "./words.ts";

export const vi: Catalogue = {
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
