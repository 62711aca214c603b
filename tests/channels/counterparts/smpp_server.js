// An SMPP server by other hands (npm "smpp", MIT), scripted by the last digits of the number:
// 0001 UNDELIV, 0002 refused with 0x0B, 0003 throttled once with 0x58, else DELIVRD.
// Prints its port, then one JSON line for each submit and each answered receipt. Ends with its standard input.
const smpp = require('smpp');

const say = (event) => process.stdout.write(JSON.stringify(event) + '\n');
const throttled = new Set();
const receivers = new Set();  // sessions bound as receiver or transceiver: only these hear receipts
let last = 0;

function submit(session, pdu) {
  const number = pdu.destination_addr;
  if (number.endsWith('0002')) return session.send(pdu.response({ command_status: smpp.ESME_RINVDSTADR }));
  if (number.endsWith('0003') && !throttled.has(number)) {
    throttled.add(number);
    return session.send(pdu.response({ command_status: smpp.ESME_RTHROTTLED }));
  }
  const id = String(++last);
  const { message, udh } = pdu.short_message;
  const text = pdu.message_payload ? pdu.message_payload.message : message;
  say({ event: 'submit', id, number, text, udh: udh ? [...udh[0].subarray(-3)] : null, coding: pdu.data_coding });
  session.send(pdu.response({ message_id: id }));
  const stat = number.endsWith('0001') ? 'UNDELIV err:001' : 'DELIVRD err:000';
  const hears = receivers.has(session) ? session : [...receivers][0];
  hears.deliver_sm(
    {
      esm_class: smpp.ESM_CLASS.MC_DELIVERY_RECEIPT,
      source_addr: number,
      destination_addr: pdu.source_addr,
      short_message: `id:${id} sub:001 dlvrd:001 submit date:2603100900 done date:2603100901 stat:${stat} text:x`,
    },
    (answer) => say({ event: 'answered', id, status: answer.command_status }),
  );
}

const server = smpp.createServer((session) => {
  for (const kind of ['transceiver', 'receiver', 'transmitter'])
    session.on(`bind_${kind}`, (pdu) => {
      if (kind !== 'transmitter') receivers.add(session);
      say({ event: 'bind', kind });
      session.send(pdu.response());
    });
  session.on('close', () => receivers.delete(session));
  session.on('submit_sm', (pdu) => submit(session, pdu));
  session.on('enquire_link', (pdu) => session.send(pdu.response()));
  session.on('unbind', (pdu) => { session.send(pdu.response()); session.close(); });
  session.on('error', () => {});
});
server.listen(0, '127.0.0.1', () => say({ port: server.address().port }));
// The empty write ends after all others: leaving at once would cut what a pipe has not taken yet.
process.stdin.resume().on('end', () => process.stdout.write('', () => process.exit(0)));
