from django.apps import apps
from django.db import migrations, models

from realtime.migrating import AddIndexConcurrently

# A site may give the app another label: see docs/integration.md.
label = apps.get_containing_app_config(__name__).label


class Migration(migrations.Migration):

    atomic = False

    dependencies = [
        (label, '0003_view_payload'),
    ]

    operations = [
        AddIndexConcurrently(
            model_name='event',
            index=models.Index(fields=['channel', 'sequence'], name='realtime_event_channel'),
        ),
        AddIndexConcurrently(
            model_name='event',
            index=models.Index(fields=['type', 'sequence'], name='realtime_event_type'),
        ),
        AddIndexConcurrently(
            model_name='event',
            index=models.Index(condition=models.Q(('control', True)), fields=['sequence'], name='realtime_event_control'),
        ),
    ]
