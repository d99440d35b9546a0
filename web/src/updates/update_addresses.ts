import type { UpdateSource } from "./update_source.ts";

export function metadataUrl(source: UpdateSource): string {
  return `${folder(source.updatesUrl)}metadata/`;
}

export function targetsUrl(source: UpdateSource): string {
  return `${folder(source.updatesUrl)}targets/`;
}

function folder(url: string): string {
  return url.endsWith("/") ? url : `${url}/`;
}
