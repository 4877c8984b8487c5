// A client of the published WebSocket protocol in JavaScript, with nothing but `ws`.
// Usage: node socket-client.mjs WS_URL TOKEN SESSION_ID
import WebSocket from 'ws';

const [url, token, session] = process.argv.slice(2);

class Client {
  constructor(socket) {
    this.socket = socket;
    this.queue = [];
    this.waiting = [];
    this.lastSeq = 0;
    socket.on('message', (data, isBinary) => {
      if (isBinary) throw new Error('binary frame');
      const message = JSON.parse(data);
      this.waiting.length ? this.waiting.shift()(message) : this.queue.push(message);
    });
  }

  static connect(query = '') {
    const socket = new WebSocket(`${url}/ws/${session}${query}`, { headers: { Authorization: `Bearer ${token}` } });
    const client = new Client(socket);
    return new Promise((resolve, reject) => {
      socket.once('open', () => resolve(client));
      socket.once('error', reject);
    });
  }

  send(message) {
    this.socket.send(JSON.stringify(message));
  }

  say(script) {
    this.send({ type: 'user_message', content: `Please [[script:${script}]]`, agent_type: 'coder' });
  }

  async read() {
    const message = this.queue.shift() ?? (await new Promise((resolve) => this.waiting.push(resolve)));
    this.lastSeq = message.seq ?? this.lastSeq;
    return message;
  }

  async until(kind) {
    let text = '';
    for (;;) {
      const message = await this.read();
      if (message.type === 'assistant_message') text += message.token;
      if (message.type === 'error' && kind !== 'error') throw new Error(JSON.stringify(message));
      if (kind === 'end' && message.type === 'assistant_message' && message.is_final) return text;
      if (message.type === kind) return message;
    }
  }
}

function expect(what, ok, seen) {
  if (!ok) throw new Error(`${what}: ${JSON.stringify(seen)}`);
  console.log(what);
}

let client = await Client.connect();

client.say('list');
let call = await client.until('tool_call');
expect('a read needs no approval', call.requires_approval === false, call);
client.send({ type: 'tool_result', call_id: call.call_id, result: { success: true } });
expect('a turn with a tool ends', (await client.until('end')).endsWith('That is all.'));

client.say('write');
call = await client.until('tool_call');
expect('a write needs approval', call.requires_approval === true, call);
client.send({ type: 'hitl_decision', call_id: call.call_id, decision: 'approve' });
let run = await client.until('tool_call');
expect('an approved call is sent to be run', run.call_id === call.call_id && !run.requires_approval, run);
client.send({ type: 'tool_result', call_id: run.call_id, result: { success: true } });
await client.until('end');

client.say('write-edit');
call = await client.until('tool_call');
client.send({ type: 'hitl_decision', call_id: call.call_id, decision: 'edit', modified_arguments: { path: 'e.txt', content: 'y' } });
run = await client.until('tool_call');
expect('an edited call has the new arguments', run.arguments.path === 'e.txt', run);
client.send({ type: 'tool_result', call_id: run.call_id, error: 'No space left on device' });
await client.until('end');

client.say('write-reject');
call = await client.until('tool_call');
client.send({ type: 'hitl_decision', call_id: call.call_id, decision: 'reject' });
await client.until('end');

client.say('write-cancel');
call = await client.until('tool_call');
client.send({ type: 'cancel' });
expect('a cancelled turn ends', (await client.until('end')) !== '');

client.send({ type: 'switch_agent', agent_type: 'architect', content: 'Switched to Architect' });
const switched = await client.until('agent_switched');
expect('a switch is told', switched.to_agent === 'architect' && switched.is_final, switched);

client.say('hello');
await client.read();
client.socket.terminate();
client = await Client.connect(`?resume=1&last_seq=${client.lastSeq}`);
expect('a resumed turn is whole', (await client.until('end')).endsWith('nice to see you.'));

client.socket.close();
expect('done', true);
