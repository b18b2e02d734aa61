from django.apps import apps
from django.db import migrations, models

from realtime.migrating import AddIndexConcurrently

# A site may give the app another label: see docs/integration.md.
label = apps.get_containing_app_config(__name__).label


class Migration(migrations.Migration):

    atomic = False

    dependencies = [
        (label, '0004_broadcast'),
    ]

    operations = [
        AddIndexConcurrently(
            model_name='notification',
            index=models.Index(fields=['type', '-id'], name='notification_type'),
        ),
        AddIndexConcurrently(
            model_name='notification',
            index=models.Index(fields=['created_at'], name='notification_created'),
        ),
        AddIndexConcurrently(
            model_name='notification',
            index=models.Index(condition=models.Q(('read_at__isnull', False)), fields=['-id'], name='notification_read'),
        ),
    ]
