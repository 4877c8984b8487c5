// A client of the hub in JavaScript, with `@microsoft/signalr` in JSON or MessagePack.
// Usage: node hub-client.mjs HTTP_URL TOKEN SESSION_ID json|msgpack
import * as signalR from '@microsoft/signalr';
import { MessagePackHubProtocol } from '@microsoft/signalr-protocol-msgpack';

const [url, token, session_id, encoding] = process.argv.slice(2);

class Client {
  constructor() {
    this.queue = [];
    this.waiting = [];
    this.lastSeq = 0;
    const builder = new signalR.HubConnectionBuilder()
      .withUrl(`${url}/hubs/sessions`, { accessTokenFactory: () => token })
      .configureLogging(signalR.LogLevel.Warning);
    if (encoding === 'msgpack') builder.withHubProtocol(new MessagePackHubProtocol());
    this.hub = builder.build();
    this.hub.on('Receive', (frame) => (this.waiting.length ? this.waiting.shift()(frame) : this.queue.push(frame)));
  }

  static async connect(last_seq) {
    const client = new Client();
    await client.hub.start();
    client.attached = await client.hub.invoke('Attach', {
      session_id,
      last_seq,
      client: { id: 'js-1', name: 'hub-client', version: '1.0', platform: 'node' },
      tools: ['list_files', 'write_file', 'read_file'],
      workspace: { name: 'w', rules: [] },
    });
    return client;
  }

  call(method, argument) {
    return this.hub.invoke(method, { session_id, ...argument });
  }

  say(script) {
    return this.call('SendMessage', { content: `Please [[script:${script}]]`, agent_type: 'coder' });
  }

  async read() {
    const frame = this.queue.shift() ?? (await new Promise((resolve) => this.waiting.push(resolve)));
    if (frame.seq) {
      if (frame.seq <= this.lastSeq) throw new Error(`frame ${frame.seq} after ${this.lastSeq}`);
      this.lastSeq = frame.seq;
    }
    return frame;
  }

  async until(...kinds) {
    for (;;) {
      const frame = await this.read();
      if (frame.type === 'turn_failed') throw new Error(JSON.stringify(frame));
      if (kinds.includes(frame.type)) return frame;
    }
  }
}

function expect(what, ok, seen) {
  if (!ok) throw new Error(`${what}: ${JSON.stringify(seen)}`);
  console.log(what);
}

let client = await Client.connect();
expect('attached as executor', client.attached.executor === true, client.attached);

const ack = await client.say('list');
expect('an input is acknowledged', ack.seq > 0 && ack.duplicate === false, ack);
let call = await client.until('tool_call');
expect('a read needs no approval', call.requires_approval === false && call.executor === 'js-1', call);
await client.call('SubmitToolResult', { call_id: call.call_id, result: { success: true, items: [1, 2.5, 'ж', null] } });
await client.until('turn_completed');

await client.say('write');
call = await client.until('tool_call');
expect('a write needs approval', call.requires_approval === true, call);
const early = await client.call('SubmitToolResult', { call_id: call.call_id, result: 1 }).catch((e) => e.message);
expect('a result before the decision is refused', String(early).includes('APPROVAL_REQUIRED'), early);
await client.call('Decide', { call_id: call.call_id, decision: 'approve' });
let run = await client.until('tool_call');
expect('an approved call is sent to be run', run.call_id === call.call_id && !run.requires_approval, run);
await client.call('SubmitToolResult', { call_id: run.call_id, result: { success: true } });
await client.until('turn_completed');

await client.say('write-edit');
call = await client.until('tool_call');
await client.call('Decide', { call_id: call.call_id, decision: 'edit', modified_arguments: { path: 'e.txt', content: 'y' } });
run = await client.until('tool_call');
expect('an edited call has the new arguments', run.arguments.path === 'e.txt', run);
await client.call('SubmitToolResult', { call_id: run.call_id, error: { code: 'IO_ERROR', message: 'No space' } });
await client.until('turn_completed');

await client.say('write-reject');
call = await client.until('tool_call');
await client.call('Decide', { call_id: call.call_id, decision: 'reject', feedback: 'no' });
await client.until('turn_completed');

await client.say('write-cancel');
await client.until('tool_call');
await client.call('Cancel', {});
await client.until('turn_cancelled');

await client.call('SwitchAgent', { agent_type: 'architect' });
expect('a switch is told', (await client.until('agent_switched')).to_agent === 'architect');

await client.call('ChooseExecutor', { client_id: 'js-1' });
const presence = await client.until('presence');
expect('presence tells who is here', presence.clients[0].client_id === 'js-1' && presence.clients[0].executor, presence);

await client.say('hello');
const before = client.lastSeq;
await client.hub.stop();
client = await Client.connect(before);
const text = [...client.attached.frames, ...client.queue].find((f) => f.type === 'assistant_message' && f.content);
const end = text ?? (await client.until('assistant_message'));
expect('a resumed turn is whole', (end.content ?? end.token).length > 0, end);

await client.hub.stop();
expect('done', true);
process.exit(0);
