// Tags the leads of large companies.
export class Tagger {
  constructor(private readonly url: string, private readonly key: string) {}

  // Tags each lead whose value is at least `value`; returns how many there are.
  async tagFrom(value: number, tag: string): Promise<number> {
    let count = 0;
    for (let cursor: string | null = "*"; cursor !== null; ) {
      const query = new URLSearchParams({ value_min: String(value), cursor, limit: "100" });
      const page = await this.call("GET", `/api/leads?${query}`);
      for (const lead of page.data) {
        await this.call("PUT", `/api/leads/${lead.id}/tags`, { tags: [...lead.tags, tag] });
        count += 1;
      }
      cursor = page.meta.next_cursor;
    }
    return count;
  }

  private async call(method: string, path: string, body?: object): Promise<any> {
    const response = await fetch(`${this.url}${path}`, {
      method,
      headers: { Authorization: `Bearer ${this.key}`, "Content-Type": "application/json" },
      body: body && JSON.stringify(body),
    });
    const answer: any = await response.json();
    if (!response.ok) throw new Error(answer.message);
    return answer;
  }
}
