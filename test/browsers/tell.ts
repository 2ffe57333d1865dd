import type { Message } from "./server.ts";

/** Sends the results of the checks to the test server. */
export async function tell(outcome: Promise<Message>): Promise<void> {
  const message: Message = await outcome.catch((error) => ({ error: String(error) }));
  await fetch("/report", { method: "POST", body: JSON.stringify(message) });
}
