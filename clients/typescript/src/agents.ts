/** Thin agents: each sends its input to the stage of its name, and gives back what the server says. */

/** What became of one invocation; the fields are those of the server's JSON. */
export interface TaskResult<Output> {
  id: string;
  task_name: string;
  status: "success" | "failed" | "timeout";
  result: Output | null;
  error: string | null;
  execution_time_ms: number | null;
  tokens_used: number;
}

/** Which server to ask. */
export interface Server {
  baseUrl: string;
  token?: string;
}

/** What one invocation may have beside its input. */
export interface Invocation {
  timeoutSeconds?: number;
  idempotencyKey?: string;
  read?: "json" | "text";
  signal?: AbortSignal;
}

/** An entry of the manifest that `specloom manifest` writes. */
export interface AgentEntry {
  name: string;
  displayName: string;
  description: string;
  tools: string[];
  outputs: string[];
  stage: string;
  tags: string[];
  timeoutSeconds: number | null;
  maxRetries: number | null;
  pythonClass: string;
  inputSchema: Record<string, unknown>;
  outputSchema: Record<string, unknown>;
  sourceDigest: string;
}

/** The manifest that `specloom manifest` writes. */
export interface Manifest {
  version: string;
  count: number;
  agents: AgentEntry[];
}

/** The server refused; `problems` lists every mistake with its place. */
export class Refused extends Error {
  readonly status: number;
  readonly reason: string;
  readonly problems: ReadonlyArray<Record<string, unknown>>;

  constructor(status: number, body: { name?: string; detail?: string; problems?: Array<Record<string, unknown>> }) {
    super(`${body.name ?? "refused"}: ${body.detail ?? `status ${status}`}`);
    this.status = status;
    this.reason = body.name ?? "refused";
    this.problems = body.problems ?? [];
  }
}

const POLL_MILLISECONDS = 500;
const server: Server = {
  baseUrl: process.env["SPECLOOM_SERVER"] ?? "http://127.0.0.1:8321",
  ...(process.env["SPECLOOM_TOKEN"] ? { token: process.env["SPECLOOM_TOKEN"] } : {}),
};

/** Say which server is asked by agents that were not made for one. */
export function useServer(chosen: Server): void {
  server.baseUrl = chosen.baseUrl;
  if (chosen.token === undefined) delete server.token;
  else server.token = chosen.token;
}

/** One stage, as an agent calls it. */
export class Agent<Input, Output> {
  readonly name: string;
  readonly #server: Server | undefined;

  constructor(name: string, chosen?: Server) {
    this.name = name;
    this.#server = chosen;
  }

  /** Run the stage and return its result when it is over. Throws `Refused`. */
  async invoke(inputs: Input, options: Invocation = {}): Promise<TaskResult<Output>> {
    const body = { inputs, timeout_seconds: options.timeoutSeconds, read: options.read };
    const key = options.idempotencyKey ?? crypto.randomUUID();
    let answer = await this.#ask(`/run/${encodeURIComponent(this.name)}`, options, {
      method: "POST",
      body: JSON.stringify(body),
      headers: { "Content-Type": "application/json", "Idempotency-Key": key },
    });
    while (answer.status === 202) {
      const { id } = (await answer.json()) as { id: string };
      await new Promise((resolve) => setTimeout(resolve, POLL_MILLISECONDS));
      answer = await this.#ask(`/results/${id}`, options, {});
    }
    return (await answer.json()) as TaskResult<Output>;
  }

  async #ask(path: string, options: Invocation, request: RequestInit): Promise<Response> {
    const { baseUrl, token } = this.#server ?? server;
    const headers = { ...request.headers, ...(token ? { Authorization: `Bearer ${token}` } : {}) };
    const signal = options.signal ? { signal: options.signal } : {};
    const answer = await fetch(baseUrl.replace(/\/$/, "") + path, { ...request, ...signal, headers });
    if (!answer.ok) throw new Refused(answer.status, await answer.json().catch(() => ({})));
    return answer;
  }
}

/** Make an agent of each entry of a manifest, by name; what they take and give is unknown to TypeScript. */
export function agentsFrom(
  manifest: Manifest,
  chosen?: Server,
): ReadonlyMap<string, Agent<Record<string, unknown>, unknown>> {
  return new Map(manifest.agents.map((entry) => [entry.name, new Agent(entry.name, chosen)]));
}
