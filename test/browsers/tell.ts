import type { Report } from "../portable/suite.ts";
import type { Message } from "./server.ts";

/** Tells the test server what became of the checks. */
export async function tell(outcome: Promise<Report>): Promise<void> {
  const message: Message = await outcome.catch((error) => ({ error: String(error) }));
  await fetch("/report", { method: "POST", body: JSON.stringify(message) });
}
