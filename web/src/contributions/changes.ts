const CHANNEL = "photos";

/** Tells every tab, this one too, that something about the resident's own photos has changed. */
export function announce(): void {
  const channel = new BroadcastChannel(CHANNEL);
  channel.postMessage(null);
  channel.close();
}

/** Calls `listener` after each change of the resident's own photos, wherever it was made, until told to end. */
export function watch(listener: () => void): () => void {
  const channel = new BroadcastChannel(CHANNEL);
  channel.onmessage = () => {
    listener();
  };
  return () => {
    channel.close();
  };
}
