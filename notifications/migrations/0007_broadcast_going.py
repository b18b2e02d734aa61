from django.apps import apps
from django.db import migrations, models

from realtime.migrating import AddIndexConcurrently

# A site may give the app another label: see docs/integration.md.
label = apps.get_containing_app_config(__name__).label


class Migration(migrations.Migration):

    atomic = False

    dependencies = [
        (label, '0006_broadcast_states'),
    ]

    operations = [
        AddIndexConcurrently(
            model_name='broadcast',
            index=models.Index(condition=models.Q(('state__in', ['queued', 'running'])), fields=['lease_until'], name='broadcast_going'),
        ),
    ]
