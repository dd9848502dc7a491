// Starts the Leads API for tests.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";

export interface Leads {
  url: string;
  key: string;
  stop(): Promise<void>;
}

// Needs a Python that has leads-api[testing]; LEADS_PYTHON names it. `--store embedded` takes a real database server.
export async function startLeads(...options: string[]): Promise<Leads> {
  const python = process.env.LEADS_PYTHON ?? "python3";
  const service = spawn(python, ["-m", "leads_api.testing", ...options], { stdio: ["pipe", "pipe", "inherit"] });
  const ended = once(service, "exit");
  const ready = once(createInterface(service.stdout), "line");
  const failed = ended.then(([status]) => Promise.reject(new Error(`the Leads API ended with ${status}`)));
  const [line] = await Promise.race([ready, failed]);
  failed.catch(() => undefined); // from now on, its end is what `stop` waits for
  return {
    ...JSON.parse(line),
    stop: async () => {
      service.stdin.end(); // it also ends if this process is killed
      await ended;
    },
  };
}
