// The second example of the API reference's "Client Implementation Guide", below the line as it is.
import { ConnectionStatus, type WebSocketService } from "./websocket.service";
declare const wsService: WebSocketService;
// ---------------------------------------------------------------------------------------
// Connection status
wsService.status$.subscribe(status => {
  switch(status) {
    case ConnectionStatus.CONNECTED:
      console.log('Connected');
      break;
    case ConnectionStatus.RECONNECTING:
      console.log('Reconnecting...');
      break;
  }
});

// Send with acknowledgment
wsService.sendWithAck({
  type: 'message',
  channel: 'conversation:conv_123',
  payload: { content: 'Hello' }
}, 5000).subscribe(response => {
  console.log('Message acknowledged:', response);
});
