/** User-Agent Client Hints, which not every browser has. */
interface AgentData {
  readonly platform: string;
  getHighEntropyValues(hints: readonly string[]): Promise<{ readonly model?: string }>;
}

const MOST_LETTERS = 80;

/**
 * What kind of phone this is: its model where the browser tells it, else its platform, and nothing that could tell one
 * phone from another of its kind.
 */
export async function phoneModel(): Promise<string> {
  const { userAgentData } = navigator as Navigator & { readonly userAgentData?: AgentData };
  if (userAgentData === undefined) return platformOf(navigator.userAgent);
  const { model } = await userAgentData.getHighEntropyValues(["model"]);
  const name = model === undefined || model === "" ? userAgentData.platform : model;
  return name === "" ? "unknown" : name.slice(0, MOST_LETTERS);
}

function platformOf(agent: string): string {
  const found = /iPhone|iPad|Android|Macintosh|Windows|Linux/.exec(agent);
  return found === null ? "unknown" : found[0];
}
