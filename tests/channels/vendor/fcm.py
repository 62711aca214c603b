"""firebase-admin sends one notification to each token; prints its message id, or the name of its error."""

import json
import sys

import firebase_admin
from firebase_admin import credentials, exceptions, messaging

given = json.load(sys.stdin)
app = firebase_admin.initialize_app(credentials.Certificate(json.loads(given["service_account"])))
service = messaging._get_messaging_service(app)
service._fcm_url = f"{given['url']}/v1/projects/{app.project_id}/messages:send"
answers = []
for token in given["tokens"]:
    message = messaging.Message(
        token=token,
        notification=messaging.Notification(title="Payment due", body=given["text"]),
        data={"link": "https://pay.lender.example/x"},
    )
    try:
        answers.append(messaging.send(message, app=app))
    except exceptions.FirebaseError as error:
        answers.append(type(error).__name__)
print(json.dumps(answers))
