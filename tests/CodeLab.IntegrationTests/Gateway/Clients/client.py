"""A client of the published WebSocket protocol in a few lines: plays turns with tools, approval, edit, reject, cancel, switch and resume.

Usage: client.py WS_URL TOKEN SESSION_ID. Prints one line a step and ends with 0 when everything came out as it must.
"""

import asyncio
import json
import sys

import websockets

URL, TOKEN, SESSION = sys.argv[1:4]


class Client:
    def __init__(self, socket):
        self.socket = socket
        self.last_seq = 0

    @staticmethod
    async def connect(query=""):
        # Older and newer releases of the library name the argument differently.
        headers = {"Authorization": "Bearer " + TOKEN}
        address = f"{URL}/api/v1/ws/{SESSION}{query}"
        try:
            socket = await websockets.connect(address, additional_headers=headers)
        except TypeError:
            socket = await websockets.connect(address, extra_headers=headers)
        return Client(socket)

    async def send(self, **message):
        await self.socket.send(json.dumps(message))

    async def say(self, script, text="Please"):
        await self.send(type="user_message", content=f"{text} [[script:{script}]]", agent_type="coder")

    async def read(self):
        message = json.loads(await asyncio.wait_for(self.socket.recv(), 90))
        self.last_seq = message.get("seq", self.last_seq)
        return message

    async def until(self, kind):
        text = ""
        while True:
            message = await self.read()
            if message["type"] == "assistant_message":
                text += message["token"]
            if message["type"] == "error" and kind != "error":
                raise AssertionError(message)
            if kind == "end" and message.get("is_final") and message["type"] == "assistant_message":
                return text
            if message["type"] == kind:
                return message


def expect(what, ok, seen=None):
    if not ok:
        raise AssertionError(f"{what}: {seen}")
    print(what, flush=True)


async def main():
    client = await Client.connect()

    await client.say("list")
    call = await client.until("tool_call")
    expect("a read needs no approval", call["requires_approval"] is False, call)
    await client.send(type="tool_result", call_id=call["call_id"], result={"success": True, "items": []})
    expect("a turn with a tool ends", (await client.until("end")).endswith("That is all."))

    await client.say("write")
    call = await client.until("tool_call")
    expect("a write needs approval", call["requires_approval"] is True, call)
    await client.send(type="hitl_decision", call_id=call["call_id"], decision="approve")
    run = await client.until("tool_call")
    expect("an approved call is sent to be run", run["call_id"] == call["call_id"] and not run["requires_approval"], run)
    await client.send(type="tool_result", call_id=run["call_id"], result={"success": True})
    expect("an approved turn ends", await client.until("end") == "Understood.")

    await client.say("write-edit")
    call = await client.until("tool_call")
    edited = {"path": "edited.txt", "content": "y"}
    await client.send(type="hitl_decision", call_id=call["call_id"], decision="edit", modified_arguments=edited)
    run = await client.until("tool_call")
    expect("an edited call has the new arguments", run["arguments"]["path"] == "edited.txt", run)
    await client.send(type="tool_result", call_id=run["call_id"], result={"success": True})
    await client.until("end")

    await client.say("write-reject")
    call = await client.until("tool_call")
    await client.send(type="hitl_decision", call_id=call["call_id"], decision="reject", feedback="no")
    expect("a rejected turn ends", await client.until("end") == "Understood.")

    await client.say("write-cancel")
    call = await client.until("tool_call")
    await client.send(type="cancel")
    expect("a cancelled turn ends", await client.until("end") != "")

    await client.send(type="switch_agent", agent_type="architect")
    switched = await client.until("agent_switched")
    expect("a switch is told", switched["to_agent"] == "architect" and switched["is_final"], switched)

    await client.say("hello")
    await client.read()
    seen = client.last_seq
    await client.socket.close()
    client = await Client.connect(f"?resume=1&last_seq={seen}")
    expect("a resumed turn is whole", (await client.until("end")).endswith("nice to see you."))

    await client.send(type="ping")
    await client.until("pong")
    await client.socket.close()
    expect("done", True)


asyncio.run(main())
