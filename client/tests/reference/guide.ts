// The first example of the API reference's "Client Implementation Guide", below the line as it is.
declare const jwtToken: string;
declare const userId: string;
// ---------------------------------------------------------------------------------------
import { WebSocketService } from './websocket.service';

// Initialize service
const wsService = new WebSocketService();

// Connect with JWT token
wsService.connect(jwtToken, userId);

// Subscribe to notifications
wsService.subscribe('notifications');

// Listen for notifications
wsService.on('notification').subscribe((msg) => {
  console.log('New notification:', msg.payload);
});

// Send typing indicator
wsService.send({
  type: 'typing_start',
  channel: 'conversation:conv_123',
  payload: {
    conversation_id: 'conv_123',
    user_id: userId,
    username: 'john'
  }
});

// Disconnect
wsService.disconnect();
