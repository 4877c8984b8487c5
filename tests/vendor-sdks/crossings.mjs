// The vendors' own clients at our doors, each against each kind of provider. Prints one JSON line a check: {name, ok, detail}.
import OpenAI from 'openai';
import Anthropic from '@anthropic-ai/sdk';
import { Ollama } from 'ollama';
import assert from 'node:assert/strict';

const [base, apiKey] = process.argv.slice(2);
const openai = new OpenAI({ baseURL: `${base}/v1`, apiKey, maxRetries: 0 });
const anthropic = new Anthropic({ baseURL: base, apiKey, maxRetries: 0 });
const ollama = new Ollama({ host: base, headers: { Authorization: `Bearer ${apiKey}` } });
const schema = { type: 'object', properties: { path: { type: 'string' } }, required: ['path'] };
const user = (script) => [{ role: 'user', content: `[[script:${script}]] Hi` }];
const chatTools = [{ type: 'function', function: { name: 'read_file', description: 'Reads', parameters: schema } }];
const text = 'Grüße aus der Küche.';

const checks = {
  async 'openai chat'(model) {
    const answer = await openai.chat.completions.create({ model, messages: user('text') });
    assert.equal(answer.choices[0].message.content, text);
    assert.equal(answer.choices[0].finish_reason, 'stop');
    assert.deepEqual([answer.usage.prompt_tokens, answer.usage.completion_tokens], [40, 9]);
  },
  async 'openai chat streamed'(model) {
    let all = '', usage;
    for await (const chunk of await openai.chat.completions.create({ model, messages: user('text'), stream: true, stream_options: { include_usage: true } })) {
      all += chunk.choices[0]?.delta.content ?? '';
      usage = chunk.usage ?? usage;
    }
    assert.equal(all, text);
    assert.equal(usage.total_tokens, 49);
  },
  async 'openai chat helper with two tools'(model) {
    const stream = openai.chat.completions.stream({ model, messages: user('tools'), tools: chatTools });
    const message = await stream.finalMessage();
    assert.deepEqual(message.tool_calls.map((c) => JSON.parse(c.function.arguments).path), ['a.txt', 'b "q".txt']);
    assert.equal((await stream.finalChatCompletion()).choices[0].finish_reason, 'tool_calls');
  },
  async 'openai responses'(model) {
    const answer = await openai.responses.create({ model, input: user('text') });
    assert.equal(answer.output_text, text);
    assert.equal(answer.status, 'completed');
    assert.deepEqual([answer.usage.input_tokens, answer.usage.output_tokens], [40, 9]);
  },
  async 'openai responses helper'(model) {
    let all = '';
    const stream = openai.responses.stream({ model, input: user('text') });
    stream.on('response.output_text.delta', (e) => (all += e.delta));
    const answer = await stream.finalResponse();
    assert.equal(all, text);
    assert.equal(answer.output_text, text);
  },
  async 'openai responses tools streamed'(model) {
    const tools = [{ type: 'function', name: 'read_file', description: 'Reads', parameters: schema, strict: false }];
    const answer = await openai.responses.stream({ model, input: user('tools'), tools }).finalResponse();
    const calls = answer.output.filter((o) => o.type === 'function_call');
    assert.deepEqual(calls.map((c) => JSON.parse(c.arguments).path), ['a.txt', 'b "q".txt']);
  },
  async 'openai error'(model) {
    await assert.rejects(openai.chat.completions.create({ model, messages: user('refused') }), (e) => e instanceof OpenAI.RateLimitError && e.code === 'RATE_LIMIT_EXCEEDED');
  },
  async 'openai error in the middle'(model) {
    let all = '';
    await assert.rejects(async () => {
      for await (const chunk of await openai.chat.completions.create({ model, messages: user('broken'), stream: true })) all += chunk.choices[0]?.delta.content ?? '';
    }, (e) => e.code === 'PROVIDER_ERROR');
    assert.ok(all.length > 0);
  },
  async 'openai embeddings'(model) {
    if (model.startsWith('anthropic/')) {
      await assert.rejects(openai.embeddings.create({ model, input: 'x' }), (e) => e.status === 400);
      return;
    }
    const answer = await openai.embeddings.create({ model, input: ['one', 'two'] });
    assert.equal(answer.data.length, 2);
    const length = Math.hypot(...answer.data[0].embedding);
    assert.ok(Math.abs(length - 1) < 1e-3, `length ${length}`);
  },
  async 'openai models'(model) {
    const ids = [];
    for await (const one of openai.models.list()) ids.push(one.id);
    assert.ok(ids.length > 0);
    assert.equal((await openai.models.retrieve(encodeURI(model))).object, 'model');
  },
  async 'anthropic messages'(model) {
    const answer = await anthropic.messages.create({ model, max_tokens: 500, messages: user('text') });
    assert.equal(answer.content[0].text, text);
    assert.equal(answer.stop_reason, 'end_turn');
    assert.deepEqual([answer.usage.input_tokens, answer.usage.output_tokens], [40, 9]);
  },
  async 'anthropic messages helper'(model) {
    let all = '';
    const stream = anthropic.messages.stream({ model, max_tokens: 500, messages: user('text') }).on('text', (t) => (all += t));
    const answer = await stream.finalMessage();
    assert.equal(all, text);
    assert.equal(answer.usage.output_tokens, 9);
    assert.equal(answer.usage.input_tokens, 40);
  },
  async 'anthropic tools streamed'(model) {
    const tools = [{ name: 'read_file', description: 'Reads', input_schema: schema }];
    const answer = await anthropic.messages.stream({ model, max_tokens: 500, messages: user('tools'), tools }).finalMessage();
    assert.deepEqual(answer.content.filter((b) => b.type === 'tool_use').map((b) => b.input.path), ['a.txt', 'b "q".txt']);
    assert.equal(answer.stop_reason, 'tool_use');
  },
  async 'anthropic thinking and its way back'(model) {
    const thinking = { type: 'enabled', budget_tokens: 1024 };
    const answer = await anthropic.messages.stream({ model, max_tokens: 5000, thinking, messages: user('thinking') }).finalMessage();
    assert.equal(answer.content[0].type, 'thinking');
    assert.equal(answer.content[0].thinking, 'First this, then that.');
    // A provider that signs checks the signature: it has to come back as it was.
    if (model.startsWith('anthropic/')) assert.ok(answer.content[0].signature.length > 10);
    const next = await anthropic.messages.create({ model, max_tokens: 5000, messages: [...user('thinking'), { role: 'assistant', content: answer.content }, { role: 'user', content: 'And?' }] });
    assert.equal(next.content.at(-1).text, 'Yes.');
  },
  async 'anthropic count_tokens'(model) {
    const count = await anthropic.messages.countTokens({ model, messages: user('text') });
    assert.ok(count.input_tokens > 0);
  },
  async 'anthropic error'(model) {
    await assert.rejects(anthropic.messages.create({ model, max_tokens: 5, messages: user('refused') }), (e) => e instanceof Anthropic.RateLimitError);
  },
  async 'anthropic error in the middle'(model) {
    await assert.rejects(anthropic.messages.stream({ model, max_tokens: 500, messages: user('broken') }).finalMessage(), (e) => e instanceof Anthropic.APIError);
  },
  async 'anthropic models'() {
    const ids = [];
    for await (const one of anthropic.models.list()) ids.push(one.id);
    assert.ok(ids.length > 0);
  },
  async 'ollama chat'(model) {
    const answer = await ollama.chat({ model, messages: user('text') });
    assert.equal(answer.message.content, text);
    assert.equal(answer.done, true);
    assert.deepEqual([answer.prompt_eval_count, answer.eval_count], [40, 9]);
  },
  async 'ollama chat streamed'(model) {
    let all = '', last;
    for await (const part of await ollama.chat({ model, messages: user('text'), stream: true })) { all += part.message.content; last = part; }
    assert.equal(all, text);
    assert.equal(last.done, true);
  },
  async 'ollama tools'(model) {
    const answer = await ollama.chat({ model, messages: user('tools'), tools: chatTools });
    assert.deepEqual(answer.message.tool_calls.map((c) => c.function.arguments.path), ['a.txt', 'b "q".txt']);
  },
  async 'ollama error'(model) {
    await assert.rejects(ollama.chat({ model, messages: user('refused') }), (e) => e.status_code === 429);
  },
  async 'ollama list'() {
    assert.ok((await ollama.list()).models.length > 0);
  },
};

for (const kind of ['openai', 'anthropic', 'ollama']) {
  for (const [name, check] of Object.entries(checks)) {
    let detail = null;
    try {
      await check(`${kind}/fake-model`);
    } catch (e) {
      detail = `${e.constructor?.name}: ${e.message}`;
    }
    console.log(JSON.stringify({ name: `${name} to ${kind}`, ok: detail === null, detail }));
  }
}
