/** The file is no model of the published format, or not the one that its manifest describes, or does not run here. */
export class ModelError extends Error {
  override readonly name = "ModelError";
}

/** The model answers otherwise here than where it was made; it must not be used here. */
export class SelfTestFailed extends Error {
  override readonly name = "SelfTestFailed";
}

/** The bytes are nothing that this browser can read as a photo. */
export class NotAPhoto extends Error {
  override readonly name = "NotAPhoto";
}

/** The photo has more pixels than a phone can hold. */
export class PhotoTooLarge extends Error {
  override readonly name = "PhotoTooLarge";
}

/** The runtime is not kept here, and there is no network to bring it. */
export class RuntimeMissing extends Error {
  override readonly name = "RuntimeMissing";
}
