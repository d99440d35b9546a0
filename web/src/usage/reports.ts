import type { Server } from "../server/client.ts";
import { ServerRefused } from "../server/outcomes.ts";
import { settle, waiting } from "./usage.ts";

/**
 * Sends the reports that wait; each keeps its id until the server has taken it, so that nothing counts twice. Rejects
 * with `ServerUnreachable`, and with `ServerRefused` only if the server does not know this phone: a report that it does
 * not want (of a day too long ago, for example) it will not want tomorrow either.
 */
export async function sendReports(server: Server): Promise<void> {
  for (const report of await waiting()) {
    try {
      await server.report(report);
    } catch (error) {
      if (!(error instanceof ServerRefused) || error.isForgotten) throw error;
    }
    await settle(report.report_id);
  }
}
